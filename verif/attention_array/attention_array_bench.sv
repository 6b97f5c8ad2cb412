// attention_array_bench: attention_array on a memory behind each port, that it reads and writes; all knobs as ports. For tb.py.
module attention_array_bench #(
    parameter int unsigned Engines = 2,
    parameter int unsigned Ways = 1,
    parameter int unsigned QHeads = 2,
    parameter int unsigned MaxHeadDim = 128,
    parameter int unsigned KvBits = 16,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned ReadBeats = 512,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned KvBeats = 32,
    parameter int unsigned Blocks = 4,
    parameter int unsigned MemBytes = 1 << 19  // of each port
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [        19:0] s_cmd_position,
    input  logic [        20:0] s_cmd_max_context,
    input  logic [   AddrW-1:0] s_cmd_cache_k,
    input  logic [   AddrW-1:0] s_cmd_cache_v,
    input  logic [         7:0] s_cmd_heads,
    input  logic [         7:0] s_cmd_kv_heads,
    input  logic [         9:0] s_cmd_head_dim,
    input  logic [        31:0] s_cmd_scale,
    input  logic                s_cmd_tvalid,
    output logic                s_cmd_tready,
    input  logic [512*Ways-1:0] s_axis_q_tdata,
    input  logic                s_axis_q_tvalid,
    output logic                s_axis_q_tready,
    input  logic [512*Ways-1:0] s_axis_k_tdata,
    input  logic                s_axis_k_tvalid,
    output logic                s_axis_k_tready,
    input  logic [512*Ways-1:0] s_axis_v_tdata,
    input  logic                s_axis_v_tvalid,
    output logic                s_axis_v_tready,
    output logic [512*Ways-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    input  logic                clear_i,
    output logic                busy_o,
    output logic                idle_o,
    output logic                error_o,
    output logic [         3:0] error_fault_o,
    output logic [         3:0] error_cause_o,
    output logic [   AddrW-1:0] error_addr_o,
    output logic [         2:0] error_engine_o,
    // memories
    input  logic [        15:0] latency_i,
    input  logic [        15:0] write_latency_i,
    input  logic [         7:0] ar_stall_i,
    input  logic [         7:0] r_gap_i,
    input  logic [        31:0] seed_i,
    input  logic [         3:0] err_side_i,  // write v, write k, read v, read k
    input  logic [   AddrW-1:0] err_addr_i,  // no two ports share an address
    input  logic [         1:0] err_resp_i,
    input  logic                dead_i,
    input  logic                load_i,  // k<port>.bin and v<port>.bin of the run's folder become the contents
    output logic                out_live_o,  // low while the output may be withdrawn (reset, clear)
    // since mark_i, of port look_i: beats read, cycles from the first to the last
    input  logic                mark_i,
    input  logic [         4:0] look_i,
    output logic [        31:0] k_beats_o,
    output logic [        31:0] k_span_o,
    output logic [        31:0] v_beats_o,
    output logic [        31:0] v_span_o
);
  localparam logic [63:0] BaseK = 64'h4000_0000, BaseV = 64'h9000_0000;  // of port 0; 16 MB from port to port
  localparam int unsigned Ports = Engines * Ways;
  logic [Ports-1:0][IdW-1:0] k_arid;
  logic [Ports-1:0][AddrW-1:0] k_araddr;
  logic [Ports-1:0][7:0] k_arlen;
  logic [Ports-1:0][2:0] k_arsize;
  logic [Ports-1:0][1:0] k_arburst;
  logic [Ports-1:0][3:0] k_arcache;
  logic [Ports-1:0][2:0] k_arprot;
  logic [Ports-1:0] k_arvalid;
  logic [Ports-1:0] k_arready;
  logic [Ports-1:0][IdW-1:0] k_rid;
  logic [Ports-1:0][255:0] k_rdata;
  logic [Ports-1:0][1:0] k_rresp;
  logic [Ports-1:0] k_rlast;
  logic [Ports-1:0] k_rvalid;
  logic [Ports-1:0] k_rready;
  logic [Ports-1:0][IdW-1:0] k_awid;
  logic [Ports-1:0][AddrW-1:0] k_awaddr;
  logic [Ports-1:0][7:0] k_awlen;
  logic [Ports-1:0][2:0] k_awsize;
  logic [Ports-1:0][1:0] k_awburst;
  logic [Ports-1:0][3:0] k_awcache;
  logic [Ports-1:0][2:0] k_awprot;
  logic [Ports-1:0] k_awvalid;
  logic [Ports-1:0] k_awready;
  logic [Ports-1:0][255:0] k_wdata;
  logic [Ports-1:0][31:0] k_wstrb;
  logic [Ports-1:0] k_wlast;
  logic [Ports-1:0] k_wvalid;
  logic [Ports-1:0] k_wready;
  logic [Ports-1:0][IdW-1:0] k_bid;
  logic [Ports-1:0][1:0] k_bresp;
  logic [Ports-1:0] k_bvalid;
  logic [Ports-1:0] k_bready;
  logic [Ports-1:0][IdW-1:0] v_arid;
  logic [Ports-1:0][AddrW-1:0] v_araddr;
  logic [Ports-1:0][7:0] v_arlen;
  logic [Ports-1:0][2:0] v_arsize;
  logic [Ports-1:0][1:0] v_arburst;
  logic [Ports-1:0][3:0] v_arcache;
  logic [Ports-1:0][2:0] v_arprot;
  logic [Ports-1:0] v_arvalid;
  logic [Ports-1:0] v_arready;
  logic [Ports-1:0][IdW-1:0] v_rid;
  logic [Ports-1:0][255:0] v_rdata;
  logic [Ports-1:0][1:0] v_rresp;
  logic [Ports-1:0] v_rlast;
  logic [Ports-1:0] v_rvalid;
  logic [Ports-1:0] v_rready;
  logic [Ports-1:0][IdW-1:0] v_awid;
  logic [Ports-1:0][AddrW-1:0] v_awaddr;
  logic [Ports-1:0][7:0] v_awlen;
  logic [Ports-1:0][2:0] v_awsize;
  logic [Ports-1:0][1:0] v_awburst;
  logic [Ports-1:0][3:0] v_awcache;
  logic [Ports-1:0][2:0] v_awprot;
  logic [Ports-1:0] v_awvalid;
  logic [Ports-1:0] v_awready;
  logic [Ports-1:0][255:0] v_wdata;
  logic [Ports-1:0][31:0] v_wstrb;
  logic [Ports-1:0] v_wlast;
  logic [Ports-1:0] v_wvalid;
  logic [Ports-1:0] v_wready;
  logic [Ports-1:0][IdW-1:0] v_bid;
  logic [Ports-1:0][1:0] v_bresp;
  logic [Ports-1:0] v_bvalid;
  logic [Ports-1:0] v_bready;
  logic [Ports-1:0][AddrW-1:0] key_base, value_base;
  logic [Ports-1:0][31:0] k_beats, k_span, v_beats, v_span;
  logic clear_q;
  always_ff @(posedge clk_i) clear_q <= clear_i;
  assign out_live_o = rst_ni && !clear_i && !clear_q;
  assign {k_beats_o, k_span_o, v_beats_o, v_span_o} = {k_beats[look_i], k_span[look_i], v_beats[look_i], v_span[look_i]};

  attention_array #(
      .Engines(Engines), .Ways(Ways), .QHeads(QHeads), .MaxHeadDim(MaxHeadDim), .KvBits(KvBits), .AddrW(AddrW), .IdW(IdW),
      .ReadBeats(ReadBeats), .WindowBytes(WindowBytes), .KvBeats(KvBeats), .Blocks(Blocks)
  ) i_dut (
      .clk_i, .rst_ni, .key_base_i(key_base), .value_base_i(value_base),
      .s_cmd_position, .s_cmd_max_context, .s_cmd_cache_k, .s_cmd_cache_v, .s_cmd_heads, .s_cmd_kv_heads, .s_cmd_head_dim,
      .s_cmd_scale, .s_cmd_tvalid, .s_cmd_tready,
      .s_axis_q_tdata, .s_axis_q_tvalid, .s_axis_q_tready, .s_axis_k_tdata, .s_axis_k_tvalid, .s_axis_k_tready,
      .s_axis_v_tdata, .s_axis_v_tvalid, .s_axis_v_tready, .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready,
      .m_axi_k_arid(k_arid), .m_axi_k_araddr(k_araddr), .m_axi_k_arlen(k_arlen), .m_axi_k_arsize(k_arsize),
      .m_axi_k_arburst(k_arburst), .m_axi_k_arcache(k_arcache), .m_axi_k_arprot(k_arprot), .m_axi_k_arvalid(k_arvalid),
      .m_axi_k_arready(k_arready), .m_axi_k_rid(k_rid), .m_axi_k_rdata(k_rdata), .m_axi_k_rresp(k_rresp),
      .m_axi_k_rlast(k_rlast), .m_axi_k_rvalid(k_rvalid), .m_axi_k_rready(k_rready), .m_axi_k_awid(k_awid),
      .m_axi_k_awaddr(k_awaddr), .m_axi_k_awlen(k_awlen), .m_axi_k_awsize(k_awsize), .m_axi_k_awburst(k_awburst),
      .m_axi_k_awcache(k_awcache), .m_axi_k_awprot(k_awprot), .m_axi_k_awvalid(k_awvalid), .m_axi_k_awready(k_awready),
      .m_axi_k_wdata(k_wdata), .m_axi_k_wstrb(k_wstrb), .m_axi_k_wlast(k_wlast), .m_axi_k_wvalid(k_wvalid),
      .m_axi_k_wready(k_wready), .m_axi_k_bid(k_bid), .m_axi_k_bresp(k_bresp), .m_axi_k_bvalid(k_bvalid),
      .m_axi_k_bready(k_bready),
      .m_axi_v_arid(v_arid), .m_axi_v_araddr(v_araddr), .m_axi_v_arlen(v_arlen), .m_axi_v_arsize(v_arsize),
      .m_axi_v_arburst(v_arburst), .m_axi_v_arcache(v_arcache), .m_axi_v_arprot(v_arprot), .m_axi_v_arvalid(v_arvalid),
      .m_axi_v_arready(v_arready), .m_axi_v_rid(v_rid), .m_axi_v_rdata(v_rdata), .m_axi_v_rresp(v_rresp),
      .m_axi_v_rlast(v_rlast), .m_axi_v_rvalid(v_rvalid), .m_axi_v_rready(v_rready), .m_axi_v_awid(v_awid),
      .m_axi_v_awaddr(v_awaddr), .m_axi_v_awlen(v_awlen), .m_axi_v_awsize(v_awsize), .m_axi_v_awburst(v_awburst),
      .m_axi_v_awcache(v_awcache), .m_axi_v_awprot(v_awprot), .m_axi_v_awvalid(v_awvalid), .m_axi_v_awready(v_awready),
      .m_axi_v_wdata(v_wdata), .m_axi_v_wstrb(v_wstrb), .m_axi_v_wlast(v_wlast), .m_axi_v_wvalid(v_wvalid),
      .m_axi_v_wready(v_wready), .m_axi_v_bid(v_bid), .m_axi_v_bresp(v_bresp), .m_axi_v_bvalid(v_bvalid),
      .m_axi_v_bready(v_bready),
      .clear_i, .busy_o, .idle_o, .error_o, .error_fault_o(error_fault_o), .error_cause_o, .error_addr_o, .error_engine_o
  );

  for (genvar p = 0; p < Ports; p++) begin : gen_ports
    assign key_base[p] = AddrW'(BaseK + 64'h100_0000 * p);
    assign value_base[p] = AddrW'(BaseV + 64'h100_0000 * p);
    attention_bench_port #(
        .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseK + 64'h100_0000 * p), .Name("k"), .Index(p)
    ) i_k (
        .clk_i, .rst_ni,
        .s_axi_arid(k_arid[p]), .s_axi_araddr(k_araddr[p]), .s_axi_arlen(k_arlen[p]), .s_axi_arsize(k_arsize[p]),
        .s_axi_arburst(k_arburst[p]), .s_axi_arvalid(k_arvalid[p]), .s_axi_arready(k_arready[p]), .s_axi_rid(k_rid[p]),
        .s_axi_rdata(k_rdata[p]), .s_axi_rresp(k_rresp[p]), .s_axi_rlast(k_rlast[p]), .s_axi_rvalid(k_rvalid[p]),
        .s_axi_rready(k_rready[p]), .s_axi_awid(k_awid[p]), .s_axi_awaddr(k_awaddr[p]), .s_axi_awlen(k_awlen[p]),
        .s_axi_awsize(k_awsize[p]), .s_axi_awburst(k_awburst[p]), .s_axi_awvalid(k_awvalid[p]), .s_axi_awready(k_awready[p]),
        .s_axi_wdata(k_wdata[p]), .s_axi_wstrb(k_wstrb[p]), .s_axi_wlast(k_wlast[p]), .s_axi_wvalid(k_wvalid[p]),
        .s_axi_wready(k_wready[p]), .s_axi_bid(k_bid[p]), .s_axi_bresp(k_bresp[p]), .s_axi_bvalid(k_bvalid[p]),
        .s_axi_bready(k_bready[p]),
        .latency_i, .write_latency_i, .ar_stall_i, .r_gap_i, .seed_i(seed_i + 0 + 8 * p),
        .err_read_i(err_side_i[0]), .err_write_i(err_side_i[2]), .err_addr_i, .err_resp_i, .dead_i, .load_i, .mark_i,
        .beats_o(k_beats[p]), .span_o(k_span[p])
    );
    attention_bench_port #(
        .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseV + 64'h100_0000 * p), .Name("v"), .Index(p)
    ) i_v (
        .clk_i, .rst_ni,
        .s_axi_arid(v_arid[p]), .s_axi_araddr(v_araddr[p]), .s_axi_arlen(v_arlen[p]), .s_axi_arsize(v_arsize[p]),
        .s_axi_arburst(v_arburst[p]), .s_axi_arvalid(v_arvalid[p]), .s_axi_arready(v_arready[p]), .s_axi_rid(v_rid[p]),
        .s_axi_rdata(v_rdata[p]), .s_axi_rresp(v_rresp[p]), .s_axi_rlast(v_rlast[p]), .s_axi_rvalid(v_rvalid[p]),
        .s_axi_rready(v_rready[p]), .s_axi_awid(v_awid[p]), .s_axi_awaddr(v_awaddr[p]), .s_axi_awlen(v_awlen[p]),
        .s_axi_awsize(v_awsize[p]), .s_axi_awburst(v_awburst[p]), .s_axi_awvalid(v_awvalid[p]), .s_axi_awready(v_awready[p]),
        .s_axi_wdata(v_wdata[p]), .s_axi_wstrb(v_wstrb[p]), .s_axi_wlast(v_wlast[p]), .s_axi_wvalid(v_wvalid[p]),
        .s_axi_wready(v_wready[p]), .s_axi_bid(v_bid[p]), .s_axi_bresp(v_bresp[p]), .s_axi_bvalid(v_bvalid[p]),
        .s_axi_bready(v_bready[p]),
        .latency_i, .write_latency_i, .ar_stall_i, .r_gap_i, .seed_i(seed_i + 1 + 8 * p),
        .err_read_i(err_side_i[1]), .err_write_i(err_side_i[3]), .err_addr_i, .err_resp_i, .dead_i, .load_i, .mark_i,
        .beats_o(v_beats[p]), .span_o(v_span[p])
    );
  end
endmodule

// hbm_writer_bench: hbm_writer on an axi_write_mem, both ends and all knobs as ports. For tb.py.
module hbm_writer_bench #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 2,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned BufferBeats = 64,
    parameter int unsigned Outstanding = 16,
    parameter bit Strobes = 1'b0,  // a beat's are its own lowest bits
    parameter bit Any = 1'b1,
    parameter int unsigned MemBytes = 16384  // at 1 GB, if Any = 0
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [ AddrW-1:0] s_desc_addr,
    input  logic [BytesW-1:0] s_desc_bytes,
    input  logic [  TagW-1:0] s_desc_tag,
    input  logic              s_desc_tvalid,
    output logic              s_desc_tready,
    input  logic [ DataW-1:0] s_axis_tdata,
    input  logic              s_axis_tvalid,
    output logic              s_axis_tready,
    output logic [  TagW-1:0] m_done_tag,
    output logic [       3:0] m_done_cause,
    output logic              m_done_tvalid,
    input  logic              m_done_tready,
    input  logic              clear_i,
    output logic              busy_o,
    output logic              idle_o,
    output logic              error_o,
    output logic [       3:0] error_cause_o,
    output logic [ AddrW-1:0] error_addr_o,
    output logic [  TagW-1:0] error_tag_o,
    // observed
    output logic [ AddrW-1:0] m_axi_awaddr,
    output logic [       7:0] m_axi_awlen,
    output logic              m_axi_awvalid,
    output logic              m_axi_awready,
    output logic [ DataW-1:0] m_axi_wdata,
    output logic [DataW/8-1:0] m_axi_wstrb,
    output logic              m_axi_wlast,
    output logic              m_axi_wvalid,
    output logic              m_axi_wready,
    output logic              m_axi_bvalid,
    // memory
    input  logic [      15:0] latency_i,
    input  logic [       7:0] aw_stall_i,
    input  logic [       7:0] w_stall_i,
    input  logic [       7:0] b_gap_i,
    input  logic [      31:0] seed_i,
    input  logic              err_en_i,
    input  logic [ AddrW-1:0] err_addr_i,
    input  logic [       1:0] err_resp_i,
    input  logic              dead_i,
    input  logic              foreign_i,  // falsify BID
    input  logic              spurious_i,  // an answer nobody asked for
    input  logic [      31:0] peek_i,  // a word of the memory
    output logic [      31:0] peek_o,
    output logic              done_live_o,  // low while answers may be withdrawn (reset, clear)
    // seen since reset
    output logic              outstanding_full_o
);
  logic [IdW-1:0] awid, bid;
  logic [2:0] awsize, awprot;
  logic [1:0] awburst, bresp;
  logic [3:0] awcache;
  logic bvalid, bready, commit;
  logic [63:0] commit_addr;
  logic [8:0] commit_beats;
  logic [31:0] bursts;

  logic clear_q, aw_waits_q;
  logic [31:0] flight_q;

  always_ff @(posedge clk_i) begin
    clear_q    <= clear_i;
    aw_waits_q <= rst_ni && m_axi_awvalid && !m_axi_awready;
    if (!rst_ni) flight_q <= 0;
    else flight_q <= flight_q + ((m_axi_awvalid && !aw_waits_q) ? 1 : 0) - (bvalid ? 1 : 0);
    outstanding_full_o <= rst_ni && (outstanding_full_o || flight_q == Outstanding);
  end

  assign done_live_o = rst_ni && !clear_i && !clear_q;
  assign m_axi_bvalid = bvalid;
  assign peek_o = Any ? 0 : {i_mem.mem[peek_i+3], i_mem.mem[peek_i+2], i_mem.mem[peek_i+1], i_mem.mem[peek_i]};

  hbm_writer #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .BytesW       (BytesW),
      .TagW         (TagW),
      .IdW          (IdW),
      .MaxBurstBytes(MaxBurstBytes),
      .BufferBeats  (BufferBeats),
      .Outstanding  (Outstanding),
      .Strobes      (Strobes)
  ) i_dut (
      .clk_i,
      .rst_ni,
      .s_desc_addr,
      .s_desc_bytes,
      .s_desc_tag,
      .s_desc_tvalid,
      .s_desc_tready,
      .s_axis_tdata,
      .s_axis_tstrb (s_axis_tdata[DataW/8-1:0]),
      .s_axis_tvalid,
      .s_axis_tready,
      .m_done_tag,
      .m_done_cause (m_done_cause),
      .m_done_tvalid,
      .m_done_tready,
      .m_axi_awid   (awid),
      .m_axi_awaddr (m_axi_awaddr),
      .m_axi_awlen  (m_axi_awlen),
      .m_axi_awsize (awsize),
      .m_axi_awburst(awburst),
      .m_axi_awcache(awcache),
      .m_axi_awprot (awprot),
      .m_axi_awvalid(m_axi_awvalid),
      .m_axi_awready(m_axi_awready),
      .m_axi_wdata  (m_axi_wdata),
      .m_axi_wstrb  (m_axi_wstrb),
      .m_axi_wlast  (m_axi_wlast),
      .m_axi_wvalid (m_axi_wvalid),
      .m_axi_wready (m_axi_wready),
      .m_axi_bid    (bid ^ IdW'(foreign_i)),
      .m_axi_bresp  (bresp),
      .m_axi_bvalid (bvalid || spurious_i),
      .m_axi_bready (bready),
      .clear_i,
      .busy_o,
      .idle_o,
      .error_o,
      .error_cause_o(error_cause_o),
      .error_addr_o,
      .error_tag_o
  );

  axi_write_mem #(
      .DataW   (DataW),
      .AddrW   (AddrW),
      .IdW     (IdW),
      .Any     (Any),
      .MemBytes(MemBytes),
      .BaseAddr(64'h4000_0000),
      .Latency (30)
  ) i_mem (
      .clk_i,
      .rst_ni,
      .s_axi_awid    (awid),
      .s_axi_awaddr  (m_axi_awaddr),
      .s_axi_awlen   (m_axi_awlen),
      .s_axi_awsize  (awsize),
      .s_axi_awburst (awburst),
      .s_axi_awvalid (m_axi_awvalid),
      .s_axi_awready (m_axi_awready),
      .s_axi_wdata   (m_axi_wdata),
      .s_axi_wstrb   (m_axi_wstrb),
      .s_axi_wlast   (m_axi_wlast),
      .s_axi_wvalid  (m_axi_wvalid),
      .s_axi_wready  (m_axi_wready),
      .s_axi_bid     (bid),
      .s_axi_bresp   (bresp),
      .s_axi_bvalid  (bvalid),
      .s_axi_bready  (bready),
      .latency_i,
      .aw_stall_i,
      .w_stall_i,
      .b_gap_i,
      .seed_i,
      .err_en_i,
      .err_addr_i,
      .err_resp_i,
      .dead_i,
      .commit_o      (commit),
      .commit_addr_o (commit_addr),
      .commit_beats_o(commit_beats),
      .bursts_o      (bursts)
  );
endmodule

// tb_qwen3_accel: the accelerator with an axi_memory behind every port and a trace of everything that is computed. Simulation only.
//
// Trace:    with +accel_trace=<path> every line written to the frame and every line of logits goes to that file: the descriptor's stage
//           (uint32), then the line; at the start of every token a stage of 2^32 - 1 with zeros.
// Timeline: with the trace, <path>.timeline has a record whenever the unit at work changes: what accel_trace.cpp says.
module tb_qwen3_accel
  import accel_pkg::*;
  import qwen3_accel_pkg::*;
#(
    parameter int unsigned Configuration = 0,
    parameter int unsigned StreamBeats = Config[known(Configuration)].stream_beats,
    parameter bit ClockGates = 1'b1,
    parameter logic [63:0] HardwareHash = 64'd0,
    parameter bit HbmClock = 1'b0,
    parameter int unsigned Latency = 75
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        hbm_clk_i,  // of the memory, with HbmClock
    input  logic        hbm_rst_ni,
    input  logic [ 8:0] s_axil_awaddr,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [31:0] s_axil_wdata,
    input  logic [ 3:0] s_axil_wstrb,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    output logic [ 1:0] s_axil_bresp,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    input  logic [ 8:0] s_axil_araddr,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready,
    output logic        irq_o
);
  localparam int unsigned Ports = Config[known(Configuration)].slices + 4;
  localparam int unsigned Lanes = Config[known(Configuration)].frame_lanes;

  // ---- accelerator and memory ----------------------------------------------------------------------------------------------
  logic [Ports-1:0][0:0] arid, rid, awid, bid;
  logic [Ports-1:0][63:0] araddr, awaddr;
  logic [Ports-1:0][7:0] arlen, awlen;
  logic [Ports-1:0][2:0] arsize, awsize, arprot, awprot;
  logic [Ports-1:0][1:0] arburst, awburst, port_rresp, port_bresp;
  logic [Ports-1:0][3:0] arcache, awcache;
  logic [Ports-1:0] port_arvalid, port_arready, port_rlast, port_rvalid, port_rready, port_awvalid, port_awready;
  logic [Ports-1:0] port_wlast, port_wvalid, port_wready, port_bvalid, port_bready;
  logic [Ports-1:0][255:0] port_rdata, port_wdata;
  logic [Ports-1:0][31:0] port_wstrb;

  qwen3_accel #(
      .Configuration(Configuration), .StreamBeats(StreamBeats), .ClockGates(ClockGates), .HbmClock(HbmClock),
      .HardwareHash(HardwareHash)
  ) u_dut (
      .clk_i, .rst_ni, .hbm_clk_i, .hbm_rst_ni,
      .s_axil_awaddr, .s_axil_awprot(3'd0), .s_axil_awvalid, .s_axil_awready, .s_axil_wdata, .s_axil_wstrb, .s_axil_wvalid,
      .s_axil_wready, .s_axil_bresp, .s_axil_bvalid, .s_axil_bready, .s_axil_araddr, .s_axil_arprot(3'd0), .s_axil_arvalid,
      .s_axil_arready, .s_axil_rdata, .s_axil_rresp, .s_axil_rvalid, .s_axil_rready, .irq_o,
      .m_axi_arid(arid), .m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arsize(arsize), .m_axi_arburst(arburst),
      .m_axi_arcache(arcache), .m_axi_arprot(arprot), .m_axi_arvalid(port_arvalid), .m_axi_arready(port_arready),
      .m_axi_rid(rid), .m_axi_rdata(port_rdata), .m_axi_rresp(port_rresp), .m_axi_rlast(port_rlast),
      .m_axi_rvalid(port_rvalid), .m_axi_rready(port_rready),
      .m_axi_awid(awid), .m_axi_awaddr(awaddr), .m_axi_awlen(awlen), .m_axi_awsize(awsize), .m_axi_awburst(awburst),
      .m_axi_awcache(awcache), .m_axi_awprot(awprot), .m_axi_awvalid(port_awvalid), .m_axi_awready(port_awready),
      .m_axi_wdata(port_wdata), .m_axi_wstrb(port_wstrb), .m_axi_wlast(port_wlast), .m_axi_wvalid(port_wvalid),
      .m_axi_wready(port_wready), .m_axi_bid(bid), .m_axi_bresp(port_bresp), .m_axi_bvalid(port_bvalid),
      .m_axi_bready(port_bready)
  );
  for (genvar p = 0; p < Ports; p++) begin : gen_memory
    axi_memory #(.Port(p), .Latency(Latency)) u_memory (
        .clk_i(HbmClock ? hbm_clk_i : clk_i), .rst_ni(HbmClock ? hbm_rst_ni : rst_ni),
        .s_axi_arid(arid[p]), .s_axi_araddr(araddr[p]), .s_axi_arlen(arlen[p]), .s_axi_arsize(arsize[p]),
        .s_axi_arburst(arburst[p]), .s_axi_arvalid(port_arvalid[p]), .s_axi_arready(port_arready[p]),
        .s_axi_rid(rid[p]), .s_axi_rdata(port_rdata[p]), .s_axi_rresp(port_rresp[p]), .s_axi_rlast(port_rlast[p]),
        .s_axi_rvalid(port_rvalid[p]), .s_axi_rready(port_rready[p]),
        .s_axi_awid(awid[p]), .s_axi_awaddr(awaddr[p]), .s_axi_awlen(awlen[p]), .s_axi_awsize(awsize[p]),
        .s_axi_awburst(awburst[p]), .s_axi_awvalid(port_awvalid[p]), .s_axi_awready(port_awready[p]),
        .s_axi_wdata(port_wdata[p]), .s_axi_wstrb(port_wstrb[p]), .s_axi_wlast(port_wlast[p]),
        .s_axi_wvalid(port_wvalid[p]), .s_axi_wready(port_wready[p]),
        .s_axi_bid(bid[p]), .s_axi_bresp(port_bresp[p]), .s_axi_bvalid(port_bvalid[p]), .s_axi_bready(port_bready[p])
    );
  end

  // ---- trace ---------------------------------------------------------------------------------------------------------------
  import "DPI-C" function int accel_trace_open(input string path);
  import "DPI-C" function void accel_trace_line(input int stage, input int lanes, input bit [2047:0] data);
  import "DPI-C" function void accel_trace_unit(input int unit, input int stage, input int cycle, input int moving, input int memory);
  logic traced;
  string path;
  initial begin
    traced = 1'b0;
    if ($value$plusargs("accel_trace=%s", path)) begin
      if (accel_trace_open(path) != 0) $fatal(1, "+accel_trace=%s: cannot be written", path);
      traced = 1'b1;
    end
  end
  int cycle_q, moving_q, memory_q;
  op_e unit_q;
  logic [15:0] stage;  // of the operation at work
  always_comb begin
    stage = '0;
    for (int unsigned u = 0; u < Stations; u++) if (u_dut.u_core.oldest[u]) stage = u_dut.u_core.op[u][0][31:16];
  end
  always @(posedge clk_i) begin
    cycle_q <= cycle_q + 1;
    if (!rst_ni) begin
      cycle_q  <= 0;
      moving_q <= 0;
      memory_q <= 0;
      unit_q   <= OpNone;
    end else if (traced) begin
      unit_q <= u_dut.u_core.working;
      moving_q <= moving_q + int'(u_dut.u_core.moved_q);
      memory_q <= memory_q + int'(u_dut.u_core.status_o.stall_memory);
      if (u_dut.u_core.working != unit_q || u_dut.u_core.pass_start || u_dut.u_core.pass_end) begin
        moving_q <= int'(u_dut.u_core.moved_q);
        memory_q <= int'(u_dut.u_core.status_o.stall_memory);
        accel_trace_unit(u_dut.u_core.pass_start ? 16 : u_dut.u_core.pass_end ? 17 : int'(u_dut.u_core.working), {16'b0, stage}, cycle_q,
                         moving_q, memory_q);
      end
    end
    if (traced && rst_ni) begin
      if (u_dut.u_core.pass_start) accel_trace_line(-1, Lanes, '0);
      for (int unsigned u = 0; u < Writers; u++)
        if (u_dut.u_core.into_valid[u] && u_dut.u_core.into_ready[u])
          accel_trace_line({16'b0, u_dut.u_core.op[u][0][31:16]}, Lanes, 2048'(u_dut.u_core.into[u]));
      if (u_dut.u_core.logits_here && u_dut.u_core.logits_ready)
        accel_trace_line({16'b0, u_dut.u_core.op[Linear][0][31:16]}, Lanes, 2048'(u_dut.u_core.into[Linear]));
    end
  end
endmodule

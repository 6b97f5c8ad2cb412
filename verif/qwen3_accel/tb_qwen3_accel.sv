// tb_qwen3_accel: the accelerator with a memory behind every port and a trace of everything that is computed. Simulation only.
//
// Memory:   an axi_memory of fixed latency, or with Hbm = 1 an hbm_port, the timing of HBM2e (docs/hbm2e.md).
// Trace:    with +accel_trace=<path> every line written to the frame and every line of logits goes to that file, unless +accel_no_lines;
//           <path>.timeline says when every operation began and ended and what all ports did meanwhile. Formats: accel_trace.cpp.
module tb_qwen3_accel
  import accel_pkg::*;
  import qwen3_accel_pkg::*;
#(
    parameter int unsigned Configuration = 0,
    parameter int unsigned StreamBeats = Config[known(Configuration)].stream_beats,
    parameter int unsigned Tokens = Config[known(Configuration)].tokens,
    parameter int unsigned Batches = Config[known(Configuration)].batches,
    parameter bit ClockGates = 1'b1,
    parameter logic [63:0] HardwareHash = 64'd0,
    parameter bit HbmClock = 1'b0,
    parameter bit Hbm = 1'b0,
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
      .Configuration(Configuration), .StreamBeats(StreamBeats), .Tokens(Tokens), .Batches(Batches), .ClockGates(ClockGates), .HbmClock(HbmClock),
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
  wire memory_clk = HbmClock ? hbm_clk_i : clk_i;
  wire memory_rst_n = HbmClock ? hbm_rst_ni : rst_ni;
`define LUTLOOM_MEMORY_PORT(p) \
        .clk_i(memory_clk), .rst_ni(memory_rst_n), \
        .s_axi_arid(arid[p]), .s_axi_araddr(araddr[p]), .s_axi_arlen(arlen[p]), .s_axi_arsize(arsize[p]), \
        .s_axi_arburst(arburst[p]), .s_axi_arvalid(port_arvalid[p]), .s_axi_arready(port_arready[p]), \
        .s_axi_rid(rid[p]), .s_axi_rdata(port_rdata[p]), .s_axi_rresp(port_rresp[p]), .s_axi_rlast(port_rlast[p]), \
        .s_axi_rvalid(port_rvalid[p]), .s_axi_rready(port_rready[p]), \
        .s_axi_awid(awid[p]), .s_axi_awaddr(awaddr[p]), .s_axi_awlen(awlen[p]), .s_axi_awsize(awsize[p]), \
        .s_axi_awburst(awburst[p]), .s_axi_awvalid(port_awvalid[p]), .s_axi_awready(port_awready[p]), \
        .s_axi_wdata(port_wdata[p]), .s_axi_wstrb(port_wstrb[p]), .s_axi_wlast(port_wlast[p]), \
        .s_axi_wvalid(port_wvalid[p]), .s_axi_wready(port_wready[p]), \
        .s_axi_bid(bid[p]), .s_axi_bresp(port_bresp[p]), .s_axi_bvalid(port_bvalid[p]), .s_axi_bready(port_bready[p])
  for (genvar p = 0; p < Ports; p++) begin : gen_memory
    if (Hbm) begin : gen_hbm
      hbm_port #(.Port(p)) u_memory (`LUTLOOM_MEMORY_PORT(p));
    end else begin : gen_fixed
      axi_memory #(.Port(p), .Latency(Latency)) u_memory (`LUTLOOM_MEMORY_PORT(p));
    end
  end
`undef LUTLOOM_MEMORY_PORT

  // ---- what the bench looks at inside, all of it ------------------------------------------------------------------------------
  // An operation begins when its station takes it and ends with its last line (logit, token); several are under way at once. Linears
  // and attention begin with what they read and end with what they write.
  wire pass_begins = u_dut.u_core.pass_start, pass_ends = u_dut.u_core.pass_end;
  wire [Stations-1:0] active = u_dut.u_core.active, begins = u_dut.u_core.op_start;
  wire descriptor_t [Stations-1:0] op = u_dut.u_core.op;
  wire [Writers-1:0] frame_line = u_dut.u_core.into_valid & u_dut.u_core.into_ready;
  wire logit_line = u_dut.u_core.logits_here && u_dut.u_core.logits_ready;
  wire [Writers-1:0][32*Lanes-1:0] line = u_dut.u_core.into;
  wire [Writers-1:0][TokenPlaceW-1:0] places = u_dut.u_core.u_frame.places;
  int starts[Stations];
  always_comb for (int unsigned u = 0; u < Stations; u++) starts[u] = 32'({u_dut.u_core.place_of[u], u_dut.u_core.number});
  wire moving = u_dut.u_core.u_count.line_q, constants = u_dut.u_core.u_count.waits;
  // memory ports in the accelerator's clock, also with HbmClock
  wire [Ports-1:0] ask_valid = u_dut.core_arvalid, ask_ready = u_dut.core_arready, read_valid = u_dut.core_rvalid;
  wire [Ports-1:0] read_ready = u_dut.core_rready, write_valid = u_dut.core_wvalid, write_ready = u_dut.core_wready;
  wire [Ports-1:0][7:0] ask_length = u_dut.core_arlen;
  localparam int unsigned Streams = Config[known(Configuration)].slices;  // the first ports: weight streams
  wire command = u_dut.u_core.synth_cmd && u_dut.u_core.synth_cmd_ready;
  wire [31:0] command_beats = u_dut.u_core.issued[9];  // of every stream
  wire [Streams-1:0][7:0] stream_length = u_dut.u_core.stream_arlen;
  logic [Streams-1:0] stream_asks;  // rows are asked for beat by beat, packets never: they are an even number of beats
  always_comb begin
    for (int unsigned p = 0; p < Streams; p++)
      stream_asks[p] = u_dut.u_core.stream_arvalid[p] && u_dut.u_core.stream_arready[p] && stream_length[p] != '0;
  end

  // ---- trace ---------------------------------------------------------------------------------------------------------------
  import "DPI-C" function int accel_trace_open(input string path, input int ports, input int words);
  import "DPI-C" function void accel_trace_line(input int number, input int stage, input int place, input bit [2047:0] data);
  import "DPI-C" function void accel_trace_event(input int what, input int number, input int stage, input int unit, input int cycle);
  import "DPI-C" function void accel_trace_cycle(
      input bit [127:0] beat, input bit [127:0] writing, input bit [127:0] held, input bit [127:0] waiting, input bit [127:0] full,
      input int flags);
  logic traced, profiled;
  string path;
  initial begin
    traced   = 1'b0;
    profiled = 1'b0;
    if ($value$plusargs("accel_trace=%s", path)) begin
      if (accel_trace_open(path, Ports, Lanes) != 0) $fatal(1, "+accel_trace=%s: cannot be written", path);
      profiled = 1'b1;
      traced   = !$test$plusargs("accel_no_lines");
    end
  end
  int cycle_q, number_q[Stations];  // of the operations: with the place of the (first) token
  function automatic int place(input int number, input logic [TokenPlaceW-1:0] in_batch);
    return ((number >> 16) & ~(int'(Tokens) - 1)) | int'(in_batch);
  endfunction
  logic [Stations-1:0] active_q;
  logic [Stations-1:0] half_q;  // a half of an operation, and more of it follows
  logic [15:0] flying_q[Ports];  // beats asked for, not here yet
  logic [31:0] wanted_q[Streams];  // beats that commands want, not asked for yet: a quiet port's buffer is full
  logic [127:0] flying, wanted;
  always_comb begin
    flying = '0;
    wanted = '0;
    for (int unsigned p = 0; p < Ports; p++) flying[p] = flying_q[p] != 16'd0;
    for (int unsigned p = 0; p < Streams; p++) wanted[p] = wanted_q[p] != 32'd0;
  end
  always @(posedge clk_i) begin
    cycle_q <= cycle_q + 1;
    if (!rst_ni) begin
      cycle_q  <= 0;
      active_q <= '0;
      for (int unsigned p = 0; p < Ports; p++) flying_q[p] <= '0;
      for (int unsigned p = 0; p < Streams; p++) wanted_q[p] <= '0;
    end else if (profiled) begin
      for (int unsigned p = 0; p < Ports; p++)
        flying_q[p] <= flying_q[p] + ((ask_valid[p] && ask_ready[p]) ? 16'(ask_length[p]) + 16'd1 : 16'd0)
            - 16'(read_valid[p] && read_ready[p]);
      for (int unsigned p = 0; p < Streams; p++)
        wanted_q[p] <= wanted_q[p] + (command ? command_beats : 32'd0)
            - (stream_asks[p] ? 32'(stream_length[p]) + 32'd1 : 32'd0);
      if (pass_begins) accel_trace_event(0, 0, 0, 0, cycle_q);
      for (int unsigned u = 0; u < Stations; u++)
        if (active_q[u] && (!active[u] || begins[u]) && !half_q[u]) accel_trace_event(2, number_q[u], 0, 0, cycle_q);
      for (int unsigned u = 0; u < Stations; u++) begin
        if (begins[u]) begin
          half_q[u] <= u inside {LinearIn, AttendIn} && drains(op[u]);
          if (!(u inside {Linear, Attender} && feeds(op[u]))) accel_trace_event(1, starts[u], {16'b0, op[u][0][31:16]}, {28'b0, op[u][0][3:0]}, cycle_q);
          number_q[u] <= starts[u];
        end
      end
      active_q <= active;
      if (pass_ends) accel_trace_event(3, 0, 0, 0, cycle_q);
      accel_trace_cycle(128'(read_valid & read_ready), 128'(write_valid & write_ready), 128'(read_valid & ~read_ready),
                        (flying | 128'(ask_valid)) & ~128'(read_valid), wanted & ~flying & ~128'(read_valid | ask_valid),
                        {30'b0, constants, moving});
      if (traced) begin
        for (int unsigned u = 0; u < Writers; u++)
          if (frame_line[u]) accel_trace_line(number_q[u], {16'b0, op[u][0][31:16]}, place(number_q[u], places[u]), 2048'(line[u]));
        if (logit_line) accel_trace_line(number_q[Linear], {16'b0, op[Linear][0][31:16]}, number_q[Linear] >> 16, 2048'(line[Linear]));
      end
    end
  end
endmodule
